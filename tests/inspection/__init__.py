"""The child's side, tried on real projects. A package, because its modules are called like other tests'."""
