"""How the toys are drawn: solids, their parts and shapes, lamps, and the picture that is taken."""
