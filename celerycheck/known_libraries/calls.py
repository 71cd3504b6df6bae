"""What calls of well-known libraries do: the table.

A row says what is called on what: each name of the second text, on each of the first. `*` stands for any part
of one segment, `**` for any number of segments, and `{queryset}` and the like for what `models` finds at the
end of a chain that starts at a model.

Left out on purpose: Redis and Memcached clients (the broker is another such server, so whoever waits for one
waits for the other too), `subprocess` (worker processes may start those), and `asyncio.sleep` (it blocks
nothing). What depends on arguments is left to whoever looks at a call: the verb of `requests.request`, the
statement of `cursor.execute`, the `nx` of Redis's `set`, an idempotency key, `ignore_conflicts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from celerycheck.known_libraries.kinds import Kind

Row = tuple[str, str]


def flat(rows: Iterable[Row]) -> Iterator[str]:
    """The patterns that rows stand for."""
    for owners, names in rows:
        for owner in owners.split():
            for name in names.split():
                yield f"{owner}.{name}"


SESSIONS = """
    requests.Session() requests.session() requests.sessions.Session()
    requests_oauthlib.OAuth1Session() requests_oauthlib.OAuth2Session()
    requests_toolbelt.sessions.BaseUrlSession() requests_cache.CachedSession() cloudscraper.create_scraper()
"""
REQUESTS = f"requests requests.api {SESSIONS}"
HTTPX = "httpx httpx.Client() httpx.AsyncClient()"
AIOHTTP = "aiohttp.ClientSession() aiohttp.client.ClientSession()"
HTTP_VERBS = "get head options post put patch delete request"

SMTP = "smtplib.SMTP() smtplib.SMTP_SSL() smtplib.LMTP()"
DJANGO_MESSAGES = """
    django.core.mail.EmailMessage() django.core.mail.EmailMultiAlternatives()
    django.core.mail.message.EmailMessage() django.core.mail.message.EmailMultiAlternatives()
    anymail.message.AnymailMessage()
"""
BOTO = "boto3.client() boto3.Session().client() boto3.session.Session().client()"
BOTO_RESOURCES = "boto3.resource() boto3.Session().resource() boto3.session.Session().resource()"
SLACK = "slack_sdk.WebClient() slack_sdk.web.WebClient() slack_sdk.web.client.WebClient() slack.WebClient()"
SLACK_HOOKS = """
    slack_sdk.WebhookClient() slack_sdk.webhook.WebhookClient() slack_sdk.webhook.client.WebhookClient()
"""
SENDGRID = "sendgrid.SendGridAPIClient() sendgrid.sendgrid.SendGridAPIClient()"
SFTP = "paramiko.SSHClient().open_sftp() paramiko.SFTPClient.from_transport()"
SEARCH = "elasticsearch.Elasticsearch() opensearchpy.OpenSearch()"
BOTS = "telegram.Bot() telebot.TeleBot()"

CREATED = "{queryset} {manager} {own_manager} {perhaps} {related}"
MANY = "{queryset} {manager} {perhaps} {query}"
ONE = "{new} {fetched} {related}"
GET_OR_CREATE = "get_or_create aget_or_create update_or_create aupdate_or_create"
MONGO = "pymongo.** motor.**"
DRIVERS = """
    psycopg.connect() psycopg2.connect() sqlite3.connect() pymysql.connect() MySQLdb.connect()
"""
CURSORS = """
    psycopg.connect().cursor() psycopg2.connect().cursor() sqlite3.connect().cursor()
    pymysql.connect().cursor() MySQLdb.connect().cursor()
    django.db.connection.cursor() django.db.connections[].cursor()
"""
ENGINES = "sqlalchemy.create_engine()"
REDIS = """
    redis.Redis() redis.StrictRedis() redis.from_url() redis.Redis.from_url() redis.client.Redis()
    redis.cluster.RedisCluster() django_redis.get_redis_connection()
"""
LOGGERS = """
    logging logging.root logging.getLogger() logging.Logger() logging.LoggerAdapter()
    logging.getLogger().getChild() celery.utils.log.get_task_logger() celery.utils.log.get_logger()
    structlog.get_logger() structlog.getLogger() structlog.stdlib.get_logger() structlog.get_logger().bind()
    loguru.logger loguru.logger.bind() loguru.logger.opt()
"""

CALLS: Mapping[Kind, tuple[Row, ...]] = {
    "network": (
        (REQUESTS, HTTP_VERBS),
        (SESSIONS, "send"),
        (HTTPX, f"{HTTP_VERBS} stream"),
        ("httpx.Client() httpx.AsyncClient()", "send"),
        (AIOHTTP, f"{HTTP_VERBS} ws_connect"),
        ("aiohttp", "request"),
        ("urllib.request", "urlopen urlretrieve"),
        ("urllib.request.build_opener() urllib.request.OpenerDirector()", "open"),
        ("urllib3", "request"),
        ("urllib3.PoolManager() urllib3.ProxyManager()", "request urlopen"),
        ("urllib3.HTTPConnectionPool() urllib3.HTTPSConnectionPool()", "request urlopen"),
        ("http.client.HTTPConnection() http.client.HTTPSConnection()", "connect request getresponse"),
        ("httplib2.Http()", "request"),
        ("socket", "create_connection getaddrinfo gethostbyname gethostbyaddr getfqdn"),
        ("socket.socket() socket.create_connection()", "connect connect_ex recv recvfrom recv_into sendall"),
        ("smtplib", "SMTP SMTP_SSL LMTP"),
        (SMTP, "connect login sendmail send_message starttls noop"),
        ("imaplib", "IMAP4 IMAP4_SSL"),
        ("imaplib.IMAP4() imaplib.IMAP4_SSL()", "login select search fetch store uid append expunge list"),
        ("poplib", "POP3 POP3_SSL"),
        ("poplib.POP3() poplib.POP3_SSL()", "user pass_ stat list retr dele top"),
        ("ftplib", "FTP FTP_TLS"),
        (
            "ftplib.FTP() ftplib.FTP_TLS()",
            "connect login storbinary storlines retrbinary retrlines nlst mlsd",
        ),
        ("ftplib.FTP() ftplib.FTP_TLS()", "cwd delete rename size mkd"),
        ("telnetlib", "Telnet"),
        ("paramiko.SSHClient() paramiko.client.SSHClient()", "connect exec_command open_sftp"),
        (SFTP, "put get putfo getfo listdir open remove"),
        ("xmlrpc.client.ServerProxy()", "**"),
        ("zeep suds.client", "Client"),
        ("zeep.Client().service suds.client.Client().service", "*"),
        ("ldap3.Connection() ldap3.core.connection.Connection()", "open bind search add modify delete"),
        ("**", "*_pb2_grpc.*Stub().*"),
        (BOTO, "*"),
        (BOTO_RESOURCES, "**.*().*"),
        ("google.cloud.**", "*Client().* upload_from_* download_as_* download_to_*"),
        ("google.cloud.storage.**.blob() google.cloud.storage.**.bucket()", "exists delete reload"),
        ("google.cloud.firestore.**.document()", "get set update delete create"),
        ("google.cloud.firestore.**.collection()", "get add stream"),
        ("azure.**", "*Client().* from_connection_string().* get_*_client().*"),
        (SEARCH, "* indices.* cluster.*"),
        ("elasticsearch.helpers opensearchpy.helpers", "bulk streaming_bulk parallel_bulk reindex"),
        ("openai.** anthropic.**", "create acreate parse stream generate edit retrieve list delete"),
        ("litellm", "completion acompletion embedding aembedding"),
        ("google.generativeai.GenerativeModel()", "generate_content"),
        ("stripe.*", "create retrieve list modify delete cancel confirm capture pay refund search"),
        ("stripe.StripeClient().**", "create retrieve list update delete cancel confirm capture pay search"),
        ("twilio.rest.Client().**", "create fetch update delete list stream"),
        ("plivo.RestClient().**", "create get list delete"),
        ("braintree.**.Transaction braintree.**.transaction", "sale refund void submit_for_settlement find"),
        (SENDGRID, "send client.**.get client.**.post client.**.put client.**.patch client.**.delete"),
        ("resend.Emails", "send"),
        ("mailjet_rest.Client().send", "create"),
        ("postmarker.core.PostmarkClient().emails", "send send_batch"),
        (SLACK, "*"),
        (SLACK_HOOKS, "send send_dict"),
        (BOTS, "send_message send_photo send_document"),
        ("firebase_admin.messaging", "send send_each send_each_for_multicast"),
        ("pywebpush", "webpush"),
        ("github.Github()", "get_*"),
        ("hvac.Client()", "read write secrets.**.read_secret_version secrets.**.create_or_update_secret"),
        ("django.core.mail", "send_mail send_mass_mail mail_admins mail_managers"),
        ("django.core.mail.get_connection()", "send_messages"),
        (DJANGO_MESSAGES, "send"),
        ("**", "email_user"),
        ("flask_mail.Mail()", "send send_message"),
    ),
    "post": (
        (f"{REQUESTS} {HTTPX} {AIOHTTP}", "post patch"),
        (BOTO, "publish publish_batch send_message send_message_batch put_events put_record put_records"),
        (BOTO, "send_email send_raw_email send_templated_email send_bulk_email"),
        ("stripe.*", "create"),
        ("stripe.StripeClient().**", "create"),
        ("twilio.rest.Client().**", "create"),
        ("plivo.RestClient().**", "create"),
        (SLACK, "chat_postMessage chat_postEphemeral chat_scheduleMessage files_upload files_upload_v2"),
        (SLACK_HOOKS, "send send_dict"),
        (BOTS, "send_message send_photo send_document"),
    ),
    "send": (
        ("django.core.mail", "send_mail send_mass_mail mail_admins mail_managers"),
        ("django.core.mail.get_connection()", "send_messages"),
        (DJANGO_MESSAGES, "send"),
        ("**", "email_user"),
        ("templated_email", "send_templated_mail"),
        ("post_office.mail", "send send_many"),
        ("flask_mail.Mail()", "send send_message"),
        (SMTP, "sendmail send_message"),
        (SENDGRID, "send client.mail.send.post"),
        ("resend.Emails", "send"),
        ("mailjet_rest.Client().send", "create"),
        ("postmarker.core.PostmarkClient().emails", "send send_batch"),
        (BOTO, "send_email send_raw_email send_templated_email send_bulk_email publish publish_batch"),
        (BOTO_RESOURCES, "Topic().publish"),
        ("twilio.rest.Client()", "messages.create calls.create"),
        ("plivo.RestClient()", "messages.create calls.create"),
        (SLACK, "chat_postMessage chat_postEphemeral chat_scheduleMessage"),
        (SLACK_HOOKS, "send send_dict"),
        (BOTS, "send_message send_photo send_document"),
        ("firebase_admin.messaging", "send send_each send_each_for_multicast"),
        ("pywebpush", "webpush"),
        ("stripe.Charge stripe.Refund stripe.Transfer stripe.Payout stripe.Subscription", "create"),
        ("stripe.PaymentIntent", "create confirm capture"),
        ("stripe.Charge", "capture"),
        ("stripe.Invoice", "pay send_invoice"),
        (
            "stripe.StripeClient() stripe.StripeClient().v1",
            """
            charges.create charges.capture refunds.create transfers.create payouts.create subscriptions.create
            payment_intents.create payment_intents.confirm payment_intents.capture
            invoices.pay invoices.send_invoice
            """,
        ),
        ("braintree.**.Transaction braintree.**.transaction", "sale refund"),
    ),
    "write": (
        (CREATED, f"create acreate {GET_OR_CREATE}"),
        ("{queryset} {manager} {own_manager}", "create_user create_superuser acreate_user acreate_superuser"),
        ("**", "bulk_create abulk_create bulk_update abulk_update"),
        (MANY, "update aupdate delete adelete _raw_delete"),
        (ONE, "save asave delete adelete"),
        ("{related}", "add aadd set aset"),
        ("{session}", "add add_all merge delete"),
        ("{session}", "bulk_save_objects bulk_insert_mappings bulk_update_mappings"),
        (
            MONGO,
            "insert_one insert_many update_one update_many replace_one delete_one delete_many bulk_write",
        ),
    ),
    "doubling": (
        (CREATED, "create acreate"),
        ("**", "bulk_create abulk_create"),
        ("{session}", "bulk_insert_mappings"),
        (MONGO, "insert_one insert_many"),
    ),
    "doubling_if_new": (
        ("{new}", "save asave"),
        ("{session}", "add add_all bulk_save_objects"),
    ),
    "repeatable": (
        (CREATED, GET_OR_CREATE),
        ("**", "bulk_update abulk_update"),
        (MANY, "update aupdate delete adelete _raw_delete"),
        (ONE, "delete adelete"),
        ("{related}", "add aadd set aset"),
        ("{session}", "merge delete bulk_update_mappings"),
        (MONGO, "replace_one delete_one delete_many"),
        (f"{REQUESTS} {HTTPX} {AIOHTTP}", "get head options put delete"),
    ),
    "pending": (
        ("{session}", "add add_all merge delete"),
        ("{session}", "bulk_save_objects bulk_insert_mappings bulk_update_mappings"),
        ("{query}", "update delete"),
    ),
    "commit": (
        ("{session}", "commit"),
        ("django.db.transaction transaction", "commit"),
        (DRIVERS, "commit"),
    ),
    "sql": (
        ("{session}", "execute scalar scalars exec"),
        ("{queryset} {manager} {own_manager}", "raw"),
        (f"{DRIVERS} {CURSORS}", "execute executemany executescript callproc"),
        (ENGINES, "connect().execute connect().scalar begin().execute begin().scalar"),
    ),
    "atomic": (
        ("django.db.transaction", "atomic"),
        ("{session}", "begin begin_nested"),
        ("sqlalchemy.orm.sessionmaker() sqlalchemy.ext.asyncio.async_sessionmaker()", "begin"),
        (ENGINES, "begin"),
        ("psycopg.connect()", "transaction"),
        ("peewee.**", "atomic"),
    ),
    "after_commit": (("django.db.transaction", "on_commit"),),
    "lock": (
        ("**", "select_for_update with_for_update"),
        ("django.core.cache.cache django.core.cache.caches[]", "add aadd lock"),
        (REDIS, "lock setnx"),
        ("redis.lock redis_lock", "Lock"),
        ("pottery", "Redlock AIORedlock synchronize"),
        ("redlock", "RedLock Redlock"),
        ("sherlock", "Lock RedisLock MCLock EtcdLock"),
        ("filelock", "FileLock SoftFileLock"),
        ("portalocker", "Lock lock"),
        ("fasteners", "InterProcessLock"),
        ("fcntl", "flock lockf"),
        ("django_pglocks", "advisory_lock"),
        ("pglock", "advisory model"),
        ("sqlalchemy_dlock", "create_sadlock"),
        ("kazoo.client.KazooClient()", "Lock"),
        ("celery_once celery_once.tasks", "QueueOnce"),
        ("celery_singleton celery_singleton.singleton", "Singleton"),
    ),
    "sleep": (("time gevent eventlet eventlet.greenthread", "sleep"),),
    "exit": (("sys", "exit"), ("os", "_exit abort"), ("builtins", "exit quit")),
    "debugger": (
        ("builtins", "breakpoint"),
        ("pdb ipdb pudb rpdb wdb remote_pdb web_pdb celery.contrib.rdb IPython.core.debugger", "set_trace"),
        ("pdb.Pdb() celery.contrib.rdb.Rdb() remote_pdb.RemotePdb()", "set_trace"),
        ("pdb ipdb pudb", "post_mortem"),
        ("IPython ptpython.repl", "embed"),
        ("code", "interact"),
        ("debugpy", "breakpoint wait_for_client"),
        ("pydevd pydevd_pycharm", "settrace"),
    ),
    "process": (
        ("multiprocessing multiprocessing.get_context() multiprocess", "Pool Process Manager"),
        ("multiprocessing.pool multiprocess.pool", "Pool"),
        ("multiprocessing.context", "Process SpawnProcess ForkProcess"),
        ("concurrent.futures concurrent.futures.process", "ProcessPoolExecutor"),
    ),
    # Generous, for all these do is silence checks that miss a traceback.
    "logs": (
        ("**", "exception"),
        ("traceback", "print_exc print_exception format_exc format_exception"),
    ),
    "logs_with_exc_info": ((LOGGERS, "debug info warning warn error critical fatal log"),),
    # Whether a package reports by itself is told by inspection/reporters.py; checks/monitoring.py names them.
    "error_tracker": (
        ("sentry_sdk sentry_sdk.api", "capture_exception capture_message capture_event"),
        ("raven.Client() raven.contrib.django.models.client", "captureException captureMessage"),
        ("rollbar", "report_exc_info report_message"),
        ("newrelic.agent", "notice_error record_exception"),
        ("bugsnag", "notify auto_notify"),
        ("honeybadger.honeybadger", "notify"),
        ("elasticapm.Client() elasticapm.get_client()", "capture_exception capture_message"),
        ("logfire", "exception"),
        ("appsignal", "send_error set_error"),
        ("opentelemetry.trace.get_current_span()", "record_exception"),
    ),
    "nothing": (
        (BOTO, "generate_presigned_url generate_presigned_post get_waiter get_paginator can_paginate close"),
        (
            BOTO_RESOURCES,
            "**.Object **.Bucket **.Table **.Topic **.Queue **.Message **.get_available_subresources",
        ),
        ("google.cloud.**", "bucket blob collection document dataset batch transaction *_path close"),
        ("google.cloud.**", "from_service_account_* create_anonymous_client"),
        ("google.cloud.datastore.Client()", "key query entity"),
        ("azure.**", "get_*_client from_connection_string close"),
        (SEARCH, "options close"),
        ("openai.** anthropic.**", "with_options"),
    ),
    "model_class": (("django.contrib.auth", "get_user_model"), ("django.apps.apps", "get_model")),
    "model_instance": (
        ("django.shortcuts", "get_object_or_404 aget_object_or_404"),
        ("django.contrib.auth", "authenticate get_user"),
    ),
    "session": (
        ("sqlalchemy.orm sqlalchemy.orm.session sqlmodel", "Session"),
        ("sqlalchemy.orm", "sessionmaker() sessionmaker().begin scoped_session scoped_session()"),
        ("sqlalchemy.ext.asyncio", "AsyncSession async_sessionmaker() async_sessionmaker().begin"),
    ),
    "file": (
        ("builtins io codecs gzip bz2 lzma", "open"),
        ("tempfile", "NamedTemporaryFile TemporaryFile SpooledTemporaryFile"),
        ("pathlib.Path()", "open"),
        ("io", "BytesIO StringIO"),
        ("zipfile", "ZipFile"),
        ("django.core.files django.core.files.base", "File ContentFile"),
    ),
}
"""What calls do, or give, by kind."""

ATTRIBUTES: Mapping[Kind, tuple[str, ...]] = {
    "session": ("flask_sqlalchemy.SQLAlchemy().session",),
    "model_instance": ("?request.user", "?self.request.user", "**.*().request.user"),
}
"""What an attribute gives, rather than a call."""
