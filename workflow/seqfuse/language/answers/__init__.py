"""What a trained method is asked and answers: predictions, one question at a terminal, inputs."""
