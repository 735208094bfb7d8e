"""What figures share: readers, names, rankings, panels, rendering."""
