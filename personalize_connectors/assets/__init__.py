"""The software-defined assets: one module per stage, its checks beside it."""
