FROM python:3.13-slim
WORKDIR /srv/reinstate
COPY requirements/build.txt requirements/run.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt -r requirements/run.txt
COPY pyproject.toml README.md LICENCE.md ./
COPY api api
COPY auth auth
COPY migrations migrations
COPY schema schema
COPY trusts trusts
RUN pip install --no-cache-dir --no-build-isolation --no-deps . \
 && useradd --system --no-create-home reinstate
USER reinstate
WORKDIR /
ENTRYPOINT ["reinstate"]
