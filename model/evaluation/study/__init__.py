"""A page that asks people which clip is real, and the scores of their answers.

clips      real and generated videos of the same name, encoded so that only the picture tells them apart
page       the page, and the key that says which clip is which
scores     shares of the answers with exact intervals
report     the scores on the terminal
agreement  the answers beside the measures of an evaluation
schema     the key and the answers as JSON

The viewers get the page and send back a file of answers. Whoever runs the study keeps the key.
"""
