"""A canary: a job of a minute that tries what training needs of a node before training does."""
