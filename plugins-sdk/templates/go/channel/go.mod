module {{name}}.example/plugin

go 1.24

require skynet.example/skynet v0.0.0

replace skynet.example/skynet => ./skynet
