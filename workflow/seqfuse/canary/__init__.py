"""The canary: a job of a minute that tries on a node what training needs, before training does."""
