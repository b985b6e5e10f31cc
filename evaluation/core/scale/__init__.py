"""How much each picture was preferred: Bradley-Terry scores with participants as clusters, shares, pairs."""
