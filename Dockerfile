# The image of API, worker and one-shot commands; which one it is, its command says.
FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv
WORKDIR /src
ENV UV_PROJECT_ENVIRONMENT=/opt/dropwright UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --no-install-project
COPY README.md LICENSE worker.py ./
COPY dropwright dropwright
COPY models models
COPY workflows workflows
COPY activities activities
COPY adapters adapters
COPY starter starter
COPY sandbox sandbox
RUN uv sync --locked --no-dev --no-editable

FROM python:3.13-slim
RUN useradd --system --create-home dropwright
COPY --from=build /opt/dropwright /opt/dropwright
ENV PATH=/opt/dropwright/bin:$PATH PYTHONUNBUFFERED=1
USER dropwright
WORKDIR /home/dropwright
CMD ["dropwright", "--help"]
