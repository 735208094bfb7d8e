"""Study A: four ways for DNA to meet a language model."""
