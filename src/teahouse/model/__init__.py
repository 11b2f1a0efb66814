"""A model as a sealed file: its manifest, its bundle, its session, and how a net becomes one."""
