"""What the capstone's studies on real data run on."""
