"""Ready studies: a plan, the figure that it is made for, and the words that say what was found."""
