"""The subcommands of the console command `torchkeras`, a file each."""
