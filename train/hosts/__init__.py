"""Several processes and devices: how they meet, agree, share a batch and end; settings of the platform."""
