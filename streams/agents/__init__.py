"""One file per Faust agent. Agents never import each other: topics join them."""
