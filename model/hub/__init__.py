"""A trained generator as a folder that the Hugging Face Hub takes, and its model card.

folder    the folder
fetching  models that are fetched from the Hub
card      README.md: what people should know of the weights
origins   on which data a generator was trained, as far as its run tells
figures   what was measured, as tables and as the Hub's model-index
"""
