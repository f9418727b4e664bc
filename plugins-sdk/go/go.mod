module skynet.example/skynet

go 1.24
