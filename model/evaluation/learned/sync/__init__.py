"""A sync scorer by SyncNet's protocol: do lips and sound go together?

After Chung and Zisserman, "Out of time: automated lip sync in the wild", 2016: two encoders, trained
on the shards, map five frames of the mouth and the 0.2 s of sound around them to one space, in which
frames and sound of the same moment are close.

protocol   distances over ±15 frames to an offset and a confidence, in numbers and words
config     the settings of its training
network    the two encoders
training   their training: each snippet finds its sound among those of its clip
scorer     a trained network at work: `load_scorer(run, device).score(clip)`
clips      the clips of a split, or of any videos
measuring  scores of clips, and how they are shown
"""
