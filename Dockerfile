# docker build -t likecast .
# docker run --rm likecast
# docker run --rm -p 127.0.0.1:8000:8000 likecast sh -c "make repro && .venv/bin/python -m pipeline.page --host 0.0.0.0"
FROM python:3.11-slim

RUN apt-get update && apt-get install --yes --no-install-recommends git libgomp1 make && rm -rf /var/lib/apt/lists/*
WORKDIR /likecast
COPY requirements.txt Makefile ./
RUN make .venv/installed
COPY . .
# DVC wants a repository; what is built from an export of one has none.
RUN [ -d .git ] || git init --quiet
CMD ["make", "repro"]
