"""Study A: labels from what needs no language model, and the folds of whole DNA pairs."""
