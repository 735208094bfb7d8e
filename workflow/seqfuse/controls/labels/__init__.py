"""Study A: label predictions without a language model, and folds that keep DNA pairs whole."""
