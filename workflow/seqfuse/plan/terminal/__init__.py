"""What a run of Snakemake shows on the terminal."""
