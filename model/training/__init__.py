"""One loop, its checkpoints, validation and report; the GAN's training."""
