"""Can people tell the generated clips from the real ones? A page that asks them, and what they said.

clips    real and generated videos of the same name, made alike in all but the picture
page     the page, and the key that says which clip is which
scores   shares of the answers with exact intervals
schema   the key and the answers as JSON

The viewers get the page and send back a file of answers; the key stays with who asks.
"""
