# Stage 1: which pictures, and where their patches lie.
# Makes manifest.csv, skipped.csv and patches.csv; pictures are kept in pictures/. Of a scheme with a
# region also regions/{scheme}.csv.


rule manifest:
    """Collect the pictures of the dataset and list them."""
    output:
        manifest=RESULTS / "manifest.csv",
        checksum=RESULTS / "manifest.csv.sha256",
        skipped=RESULTS / "skipped.csv",
    log:
        RESULTS / "logs/manifest.log",
    benchmark:
        RESULTS / "benchmarks/manifest.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(2_000),
        runtime=growing(240),
    params:
        # Not an output, because Snakemake would delete the pictures of an interrupted download.
        pictures=RESULTS / "pictures",
        settings=verbatim(as_json(CHECKED.dataset_settings())),
        # Timeouts and retries do not change the pictures.
        download=no_trigger(as_json(CHECKED.download_options())),
        code=code("manifest", CHECKED.dataset),
    shell:
        "python -m leakage --threads {threads} manifest {output.manifest:q}"
        " --pictures {params.pictures:q} --skipped {output.skipped:q}"
        " --settings {params.settings:q} --download {params.download:q} 2>&1 | tee {log:q}"


rule places:
    """Draw where the patches of every picture lie, the same at every level."""
    input:
        manifest=RESULTS / "manifest.csv",
    output:
        places=RESULTS / "patches.csv",
        checksum=RESULTS / "patches.csv.sha256",
    log:
        RESULTS / "logs/places.log",
    benchmark:
        RESULTS / "benchmarks/places.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(1_000),
        runtime=growing(15),
    params:
        settings=as_json(CHECKED.place_settings()),
        code=code("places"),
    shell:
        "python -m leakage --threads {threads} places {input.manifest:q} {output.places:q}"
        " --settings {params.settings:q} 2>&1 | tee {log:q}"


rule regions:
    """Tell the patches of a scheme with a region apart: inside, outside, across its border."""
    input:
        manifest=RESULTS / "manifest.csv",
        places=RESULTS / "patches.csv",
        region=lambda w: JOBS.region_files(w.scheme),
    output:
        table=RESULTS / "regions/{scheme}.csv",
        checksum=RESULTS / "regions/{scheme}.csv.sha256",
    log:
        RESULTS / "logs/regions/{scheme}.log",
    benchmark:
        RESULTS / "benchmarks/regions/{scheme}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        here=1,
        mem_mb=growing(1_000),
        runtime=growing(30),
    params:
        settings=lambda w: JOBS.region_settings(w.scheme),
        code=code("regions"),
    shell:
        "python -m leakage --threads {threads} regions {input.manifest:q} {input.places:q}"
        " {output.table:q} --settings {params.settings:q} 2>&1 | tee {log:q}"
