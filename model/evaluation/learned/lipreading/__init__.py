"""A lip reader: what do generated lips say?

config    the settings of its training
mouths    the mouth region of aligned faces, and its augmentation
labels    texts to the labels of the network, and back
network   spatio-temporal convolutions, a bidirectional GRU, CTC (after LipNet, Assael et al. 2016)
grammar   the most probable sentence of a grammar
reader    a trained network that reads frames, and the files of its run
training  shards → a reader
scores    word error rates on the clips of a split
"""
