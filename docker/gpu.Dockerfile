# Quarry for hosts with NVIDIA GPUs. The CUDA libraries are Python packages; of the host only the driver (>= 580) and
# the NVIDIA Container Toolkit are needed. From the repository's folder, with the study in it:
#   docker build -f docker/gpu.Dockerfile -t quarry:gpu .
#   docker run --gpus all -v "$PWD/runs:/quarry/runs" -v quarry-cache:/cache quarry:gpu sweep quickstart
# Text of `folder:PATH` is mounted at the same path: -v /data/texts:/data/texts
FROM python:3.12-slim
ENV QUARRY_CACHE=/cache PYTHONUNBUFFERED=1
WORKDIR /quarry
COPY . .
RUN pip install --no-cache-dir -e '.[cuda,gcs]'
ENTRYPOINT ["quarry"]
