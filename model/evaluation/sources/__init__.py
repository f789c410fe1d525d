"""What is measured: videos that trained runs make, or videos of any system."""
