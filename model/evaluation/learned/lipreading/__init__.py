"""Reading lips: what is said in a video, without its sound; a measure of generated lips.

config    the settings of its training
mouths    the mouth region of aligned faces, and how it is varied in training
labels    texts to the labels that the network tells apart, and back
network   spatio-temporal convolutions, a bidirectional GRU, CTC (after LipNet, Assael et al. 2016)
grammar   the best sentence of a grammar
reader    a trained network that reads frames; what a run folder holds
training  shards → a reader
scores    word error rates on the clips of a split
"""
