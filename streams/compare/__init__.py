"""What differs between two replays, file by file. Decides; prints nothing."""
