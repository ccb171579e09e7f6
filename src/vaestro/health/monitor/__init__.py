"""What goes wrong while a run trains, said in words with what to change."""
