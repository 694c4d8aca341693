"""What the core and the whole worker cost, and what an ordinary Faust agent costs beside them."""
