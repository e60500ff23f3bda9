# Beside stage 2: the classic measures of visual security. Makes measures/{scheme}.parquet, one row
# per picture and level (and per picture one of noise), from manifest.csv and the pictures.

# Most pictures that are measured, spread evenly over the manifest of a larger dataset.
MEASURED_PICTURES = 1000


rule measure:
    """Compute the classic measures of every level: PSNR, SSIM and others."""
    input:
        manifest=RESULTS / "manifest.csv",
        encrypted=lambda wildcards: [
            path
            for level in CHECKED.levels(wildcards.scheme)
            for path in CHECKED.encrypted_files(wildcards.scheme, level)
        ],
    output:
        table=RESULTS / "measures/{scheme}.parquet",
        checksum=RESULTS / "measures/{scheme}.parquet.sha256",
    log:
        RESULTS / "logs/measures/{scheme}.log",
    benchmark:
        RESULTS / "benchmarks/measures/{scheme}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        turn=1,
        mem_mb=growing(2_000),
        runtime=growing(120),
    params:
        pictures=as_it_is(pictures_folder()),
        options=lambda wildcards: f"--limit {MEASURED_PICTURES}"
        f" --levels {','.join(map(str, CHECKED.levels(wildcards.scheme)))}",
        settings=lambda w: as_json(CHECKED.scheme_settings(w.scheme, CHECKED.levels(w.scheme))),
        code=lambda wildcards: code("measure", module_of(CHECKED.schemes[wildcards.scheme])),
    shell:
        "python -m leakage --threads {threads} measure {input.manifest:q} {output.table:q}"
        " --pictures {params.pictures:q} {params.options} --code {params.code}"
        " --settings {params.settings:q} 2>&1 | tee {log:q}"
