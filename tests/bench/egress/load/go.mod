module bottle/bench/load

go 1.22
