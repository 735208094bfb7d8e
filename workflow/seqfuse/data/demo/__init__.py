"""The demo sets: sequences drawn at random, with a truth that is planted in them."""
