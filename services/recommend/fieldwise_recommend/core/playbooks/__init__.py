"""Facts of occasions: a birthday that is near, a shop that is near and open; knows no action and no wire."""
