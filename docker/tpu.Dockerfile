# Quarry for Cloud TPU hosts: the image of `quarry sweep STUDY --emit jobset --tpu.image ...`, or for a TPU VM.
# From the repository's folder, with the study in it:
#   docker build -f docker/tpu.Dockerfile -t quarry:tpu .
#   docker run --privileged --net=host -v "$PWD/runs:/quarry/runs" -v quarry-cache:/cache quarry:tpu sweep mystudy
# Text of `folder:PATH` is mounted at the same path: -v /data/texts:/data/texts
FROM python:3.12-slim
ENV QUARRY_CACHE=/cache PYTHONUNBUFFERED=1
WORKDIR /quarry
COPY . .
RUN pip install --no-cache-dir -e '.[tpu,gcs]'
ENTRYPOINT ["quarry"]
