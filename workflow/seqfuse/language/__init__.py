"""Study A: four ways to fuse DNA with a language model."""
