"""Named settings: the stages in which the package's generator was trained."""
