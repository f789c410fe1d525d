"""What is measured: videos of trained runs, or of any system."""
