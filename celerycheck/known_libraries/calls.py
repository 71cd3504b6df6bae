"""What calls of well-known libraries do: the table.

A row says what methods are called on and how they are called: each name of the second text, on each of the
first. `*` stands for any part of one segment, `**` for any number of segments, and `{queryset}` and the like
for what `models` finds at the end of a chain that starts at a model.

Left out on purpose: Redis and Memcached clients (the broker is another such server; who waits for it waits for
that too), `subprocess` (worker processes may start those), and `asyncio.sleep` (nothing blocks).
"""

from __future__ import annotations

from collections.abc import Mapping

from celerycheck.known_libraries.kinds import Kind

Row = tuple[str, str]

REQUESTS = """
    requests requests.api requests.Session() requests.session() requests.sessions.Session()
    requests_oauthlib.OAuth1Session() requests_oauthlib.OAuth2Session() cloudscraper.create_scraper()
    requests_toolbelt.sessions.BaseUrlSession() requests_cache.CachedSession()
"""
HTTPX = "httpx httpx.Client() httpx.AsyncClient()"
AIOHTTP = "aiohttp.ClientSession() aiohttp.client.ClientSession()"
VERBS = "get head options post put patch delete request"
SMTP = "smtplib.SMTP() smtplib.SMTP_SSL() smtplib.LMTP()"
MAIL = "django.core.mail django.core.mail.message"
MESSAGES = """
    django.core.mail.EmailMessage() django.core.mail.EmailMultiAlternatives()
    django.core.mail.message.EmailMessage() django.core.mail.message.EmailMultiAlternatives()
    anymail.message.AnymailMessage()
"""
FLASK_MAIL = "flask_mail.Mail() flask_mail.Mail().connect()"
BOTO = "boto3.client() boto3.Session().client() boto3.session.Session().client()"
SLACK = "slack_sdk.WebClient() slack_sdk.web.WebClient() slack_sdk.web.client.WebClient() slack.WebClient()"
SLACK_HOOK = (
    "slack_sdk.webhook.WebhookClient() slack_sdk.WebhookClient() slack_sdk.webhook.client.WebhookClient()"
)
SENDGRID = "sendgrid.SendGridAPIClient() sendgrid.sendgrid.SendGridAPIClient()"
LLM = """
    openai.OpenAI() openai.AsyncOpenAI() openai.AzureOpenAI() openai.AsyncAzureOpenAI() openai
    anthropic.Anthropic() anthropic.AsyncAnthropic()
"""
PARAMIKO = "paramiko.SSHClient() paramiko.client.SSHClient()"
LDAP = "ldap3.Connection() ldap3.core.connection.Connection()"
INSERTS = "insert_one insert_many insert"
LOGGERS = """
    logging logging.root logging.getLogger() logging.Logger() logging.LoggerAdapter() logging.getLogger().getChild()
    celery.utils.log.get_task_logger() celery.utils.log.get_logger()
    structlog.get_logger() structlog.getLogger() structlog.stdlib.get_logger() structlog.get_logger().bind()
    loguru.logger loguru.logger.bind() loguru.logger.opt()
"""
TRANSACTION = "django.db.transaction django.db"

CALLS: Mapping[Kind, tuple[Row, ...]] = {
    "network": (
        (REQUESTS, f"{VERBS} send"),
        (HTTPX, f"{VERBS} stream send"),
        (AIOHTTP, f"{VERBS} ws_connect"),
        ("aiohttp", "request"),
        ("urllib.request", "urlopen urlretrieve"),
        ("urllib.request.build_opener() urllib.request.OpenerDirector()", "open"),
        ("urllib3", "request"),
        (
            "urllib3.PoolManager() urllib3.ProxyManager()",
            "request urlopen request_encode_url request_encode_body",
        ),
        ("urllib3.HTTPConnectionPool() urllib3.HTTPSConnectionPool()", "request urlopen"),
        (
            "http.client.HTTPConnection() http.client.HTTPSConnection()",
            "request connect endheaders getresponse",
        ),
        ("httplib2.Http()", "request"),
        ("socket", "create_connection getaddrinfo gethostbyname gethostbyaddr getfqdn"),
        (
            "socket.socket() socket.create_connection()",
            "connect connect_ex recv recvfrom recv_into send sendall",
        ),
        ("smtplib", "SMTP SMTP_SSL LMTP"),
        (SMTP, "connect login sendmail send_message starttls noop quit"),
        ("imaplib", "IMAP4 IMAP4_SSL"),
        (
            "imaplib.IMAP4() imaplib.IMAP4_SSL()",
            "login select search fetch store uid append expunge copy list logout",
        ),
        ("poplib", "POP3 POP3_SSL"),
        ("poplib.POP3() poplib.POP3_SSL()", "user pass_ stat list retr dele quit top"),
        ("ftplib", "FTP FTP_TLS"),
        (
            "ftplib.FTP() ftplib.FTP_TLS()",
            "connect login storbinary storlines retrbinary retrlines nlst mlsd cwd delete rename size mkd quit",
        ),
        ("telnetlib", "Telnet"),
        (PARAMIKO, "connect exec_command open_sftp"),
        (
            "paramiko.SSHClient().open_sftp() paramiko.SFTPClient.from_transport()",
            "put get putfo getfo listdir open remove",
        ),
        ("xmlrpc.client.ServerProxy()", "**"),
        ("jsonrpclib.ServerProxy()", "**"),
        (BOTO, "*"),
        ("boto3.resource() boto3.Session().resource()", "**.*().*"),
        ("google.cloud.**", "*().*"),
        ("azure.**", "*Client().* *_client().* from_connection_string().*"),
        ("stripe.*", "create retrieve list modify delete cancel confirm capture pay refund search update"),
        ("stripe.StripeClient().**", "create retrieve list update delete cancel confirm capture pay search"),
        ("twilio.rest.Client().**", "create fetch update delete list stream"),
        (SENDGRID, "send"),
        (SENDGRID, "client.**.get client.**.post client.**.put client.**.patch client.**.delete"),
        (SLACK, "*"),
        (SLACK_HOOK, "send send_dict"),
        (LLM, "**.create **.parse **.stream **.generate **.edit **.retrieve **.list **.delete"),
        ("elasticsearch.Elasticsearch() opensearchpy.OpenSearch()", "*"),
        ("elasticsearch.helpers opensearchpy.helpers", "bulk scan streaming_bulk parallel_bulk reindex"),
        ("zeep", "Client"),
        ("zeep.Client().service", "*"),
        ("suds.client suds", "Client"),
        ("suds.client.Client().service", "*"),
        (LDAP, "open bind search add modify delete modify_dn"),
        ("grpc.insecure_channel() grpc.secure_channel()", "unary_unary().*"),
        ("pymsteams.connectorcard()", "send"),
        ("hvac.Client().**", "read_secret_version create_or_update_secret read write"),
        ("github.Github()", "get_*"),
        (MAIL, "send_mail send_mass_mail mail_admins mail_managers"),
        (MESSAGES, "send"),
        ("**", "email_user"),
        (FLASK_MAIL, "send send_message"),
    ),
    "post": (
        (REQUESTS, "post patch"),
        (HTTPX, "post patch"),
        (AIOHTTP, "post patch"),
        ("stripe.*", "create"),
        ("stripe.StripeClient().**", "create"),
        ("twilio.rest.Client().**", "create"),
        (SLACK, "chat_postMessage chat_postEphemeral files_upload files_upload_v2 chat_scheduleMessage"),
        (SLACK_HOOK, "send send_dict"),
        (
            BOTO,
            "publish send_message send_message_batch send_email send_raw_email send_templated_email put_events",
        ),
    ),
    "send": (
        (MAIL, "send_mail send_mass_mail mail_admins mail_managers"),
        (MESSAGES, "send"),
        ("django.core.mail.get_connection()", "send_messages"),
        ("**", "email_user"),
        (FLASK_MAIL, "send send_message"),
        ("smtplib.SMTP() smtplib.SMTP_SSL() smtplib.LMTP()", "sendmail send_message"),
        ("twilio.rest.Client().messages twilio.rest.Client().calls", "create"),
        (SENDGRID, "send"),
        (SENDGRID, "client.mail.send.post"),
        (SLACK, "chat_postMessage chat_postEphemeral chat_scheduleMessage"),
        (SLACK_HOOK, "send send_dict"),
        (BOTO, "send_email send_raw_email send_templated_email send_bulk_email publish"),
        ("boto3.resource().Topic()", "publish"),
        ("pymsteams.connectorcard()", "send"),
        (
            "stripe",
            """
            Charge.create PaymentIntent.create PaymentIntent.confirm PaymentIntent.capture Charge.capture
            Refund.create Transfer.create Payout.create Invoice.pay Invoice.send_invoice Subscription.create
            """,
        ),
        (
            "stripe.StripeClient() stripe.StripeClient().v1",
            """
            charges.create payment_intents.create payment_intents.confirm payment_intents.capture
            charges.capture refunds.create transfers.create payouts.create invoices.pay invoices.send_invoice
            subscriptions.create
            """,
        ),
        ("pywebpush", "webpush"),
        ("firebase_admin.messaging", "send send_each send_each_for_multicast send_multicast"),
    ),
    "write": (
        ("{queryset} {manager} {perhaps} {related}", "create acreate"),
        (
            "{queryset} {manager} {perhaps} {related}",
            "get_or_create aget_or_create update_or_create aupdate_or_create",
        ),
        ("**", "bulk_create abulk_create bulk_update abulk_update"),
        ("{queryset} {perhaps} {query}", "update aupdate delete adelete"),
        ("{new} {fetched} {related}", "save asave delete adelete"),
        ("{related}", "aset"),
        ("{session}", "add add_all merge delete bulk_save_objects bulk_insert_mappings bulk_update_mappings"),
        (
            "pymongo.** motor.**",
            f"{INSERTS} update_one update_many replace_one delete_one delete_many bulk_write",
        ),
    ),
    "doubling": (
        ("{queryset} {manager} {perhaps} {related}", "create acreate"),
        ("**", "bulk_create abulk_create"),
        ("{session}", "bulk_insert_mappings"),
        ("pymongo.** motor.**", INSERTS),
    ),
    "doubling_if_new": (
        ("{new}", "save asave"),
        ("{session}", "add add_all bulk_save_objects"),
    ),
    "repeatable": (
        (
            "{queryset} {manager} {perhaps} {related}",
            "get_or_create aget_or_create update_or_create aupdate_or_create",
        ),
        ("**", "bulk_update abulk_update"),
        ("{queryset} {perhaps} {query}", "update aupdate delete adelete"),
        ("{new} {fetched} {related}", "delete adelete"),
        ("{related}", "aset"),
        ("{session}", "merge delete bulk_update_mappings"),
        ("pymongo.** motor.**", "replace_one delete_one delete_many"),
        (f"{REQUESTS} {HTTPX} {AIOHTTP}", "get head options put delete"),
    ),
    "pending": (
        ("{session}", "add add_all merge delete bulk_save_objects bulk_insert_mappings bulk_update_mappings"),
        ("{query}", "update delete"),
    ),
    "commit": (
        ("{session}", "commit"),
        ("django.db.transaction", "commit"),
        (
            "psycopg.connect() psycopg2.connect() sqlite3.connect() pymysql.connect() MySQLdb.connect()",
            "commit",
        ),
    ),
    "sql": (
        ("{session}", "execute scalar scalars exec"),
        ("{queryset} {manager}", "raw"),
        ("django.db.connection.cursor() django.db.connections[].cursor()", "execute executemany callproc"),
        (
            """
            psycopg.connect() psycopg2.connect() sqlite3.connect() pymysql.connect() MySQLdb.connect()
            psycopg.connect().cursor() psycopg2.connect().cursor() sqlite3.connect().cursor()
            pymysql.connect().cursor() MySQLdb.connect().cursor()
            """,
            "execute executemany executescript callproc",
        ),
        ("sqlalchemy.create_engine().connect() sqlalchemy.create_engine().begin()", "execute scalar scalars"),
    ),
    "atomic": (
        ("django.db.transaction", "atomic"),
        ("{session}", "begin begin_nested"),
        ("sqlalchemy.orm.sessionmaker() sqlalchemy.orm.scoped_session()", "begin"),
        ("sqlalchemy.create_engine()", "begin"),
        ("psycopg.connect()", "transaction"),
        ("peewee.**", "atomic"),
        ("transaction", "manager"),
    ),
    "after_commit": (("django.db.transaction", "on_commit"),),
    "lock": (
        ("**", "select_for_update with_for_update"),
        ("django.core.cache.cache django.core.cache.caches[]", "lock add aadd"),
        (
            "redis.Redis() redis.StrictRedis() redis.from_url() redis.Redis.from_url() redis.client.Redis() redis.cluster.RedisCluster()",
            "lock setnx",
        ),
        ("django_redis.get_redis_connection()", "lock setnx"),
        ("redis.lock", "Lock"),
        ("redis_lock redis_lock.django_cache", "Lock"),
        ("pottery", "Redlock AIORedlock synchronize"),
        ("redlock", "RedLock Redlock"),
        ("portalocker filelock", "Lock FileLock"),
        ("fcntl", "flock lockf"),
        ("django_pglocks", "advisory_lock"),
        ("pglock pglocks", "advisory model"),
        ("pgadvisorylock", "advisory_lock"),
        ("sqlalchemy_dlock", "create_sadlock"),
        ("kazoo.client.KazooClient()", "Lock"),
        ("dramatiq.rate_limits", "ConcurrentRateLimiter"),
    ),
    "sleep": (("time", "sleep"), ("gevent", "sleep"), ("eventlet eventlet.greenthread", "sleep")),
    "exit": (("sys", "exit"), ("os", "_exit abort"), ("builtins", "exit quit")),
    "debugger": (
        ("builtins", "breakpoint"),
        ("pdb ipdb pudb bpdb wdb celery.contrib.rdb remote_pdb web_pdb", "set_trace"),
        ("pdb", "post_mortem"),
        ("pdb.Pdb() ipdb.Pdb()", "set_trace"),
        ("remote_pdb.RemotePdb()", "set_trace"),
        ("IPython", "embed start_ipython"),
        ("code", "interact"),
        ("debugpy pydevd pydevd_pycharm", "breakpoint settrace wait_for_client"),
    ),
    "process": (
        ("multiprocessing multiprocessing.context multiprocessing.get_context()", "Pool Manager Process"),
        ("multiprocessing.pool", "Pool"),
        ("multiprocessing.process", "Process"),
        ("multiprocessing.managers", "SyncManager"),
        ("concurrent.futures concurrent.futures.process", "ProcessPoolExecutor"),
    ),
    "logs": (
        (LOGGERS, "exception"),
        ("**", "exception"),
        ("traceback", "print_exc"),
    ),
    "logs_with_exc_info": ((LOGGERS, "debug info warning warn error critical fatal log"),),
    "error_tracker": (
        ("sentry_sdk sentry_sdk.api raven.Client() raven.contrib.django.models.client", "capture_exception"),
        ("sentry_sdk sentry_sdk.api", "capture_message capture_event"),
        ("raven.Client() raven.contrib.django.models.client", "captureException captureMessage"),
        ("rollbar", "report_exc_info report_message"),
        ("newrelic.agent", "notice_error record_exception"),
        ("bugsnag", "notify auto_notify"),
        ("honeybadger.honeybadger honeybadger", "notify"),
        ("airbrake.getLogger() pybrake.Notifier()", "exception notify"),
        ("elasticapm.Client() elasticapm.get_client()", "capture_exception capture_message"),
        ("elasticapm", "capture_exception"),
        ("logfire", "exception"),
        ("appsignal", "send_error set_error report_error"),
        ("scout_apm.api", "Error.capture"),
        ("opentelemetry.trace.get_current_span()", "record_exception"),
    ),
    "nothing": (
        (BOTO, "generate_presigned_url generate_presigned_post get_waiter get_paginator can_paginate close"),
        (
            "google.cloud.**",
            "bucket blob collection document dataset *_path batch transaction key query entity",
        ),
        ("azure.**", "get_*_client from_connection_string close"),
        ("elasticsearch.Elasticsearch() opensearchpy.OpenSearch()", "options close"),
    ),
    "model_class": (
        ("django.contrib.auth django.contrib.auth.backends", "get_user_model"),
        ("django.apps.apps django.apps.registry.apps", "get_model"),
    ),
    "model_instance": (
        ("django.shortcuts", "get_object_or_404 aget_object_or_404"),
        ("django.contrib.auth", "authenticate get_user"),
    ),
    "queryset": (),
    "session": (
        ("sqlalchemy.orm sqlalchemy.ext.asyncio sqlmodel sqlalchemy.orm.session", "Session AsyncSession"),
        ("sqlalchemy.orm", "sessionmaker() scoped_session scoped_session()"),
        ("sqlalchemy.orm.sessionmaker()", "begin"),
        ("sqlalchemy.ext.asyncio", "async_sessionmaker()"),
    ),
    "file": (
        ("builtins io codecs gzip bz2 lzma", "open"),
        ("tempfile", "NamedTemporaryFile TemporaryFile SpooledTemporaryFile"),
        ("pathlib.Path()", "open"),
        ("io", "BytesIO StringIO"),
        ("gzip", "GzipFile"),
    ),
}
"""What calls do, by kind."""

ATTRIBUTES: Mapping[Kind, tuple[str, ...]] = {
    "session": ("flask_sqlalchemy.SQLAlchemy().session",),
    "model_instance": ("?request.user", "?self.request.user", "**.*().request.user"),
}
"""What is given by an attribute rather than by a call."""
