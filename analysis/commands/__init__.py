"""The commands of the analysis: from the words of the command line to a printed result."""
