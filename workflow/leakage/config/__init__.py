"""The configuration: typed models, and what each job is given of them."""
