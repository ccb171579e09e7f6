"""The local web page on which runs are watched, compared and steered."""
