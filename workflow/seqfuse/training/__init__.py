"""What training shares in both studies; a library below the stages."""
