module pulse/pause

go 1.24.0
