"""What is measured: the videos of trained runs, or those of any system."""
