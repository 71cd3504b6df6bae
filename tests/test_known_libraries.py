"""What is known about libraries: by chain, the kinds of what a call does, and what looks alike and is not."""

from __future__ import annotations

import re

import pytest

from celerycheck.known_libraries import DESCRIPTIONS, KINDS, PATTERN, SHIPPED, Libraries, Timeout
from celerycheck.known_libraries.calls import CALLS
from celerycheck.known_libraries.kinds import GIVING
from celerycheck.known_libraries.models import ROLES
from celerycheck.known_libraries.timeouts import TIMEOUTS

MODELS = {"proj.models.Order", "proj.models.User", "proj.models.Order.Line"}


def is_model(name: str) -> bool:
    return name in MODELS


def kinds(chain: str, libraries: Libraries = SHIPPED) -> set[str]:
    return set(libraries.kinds(chain.replace("Order", "proj.models.Order", 1), is_model))


def result(chain: str, libraries: Libraries = SHIPPED) -> str | None:
    return libraries.result(chain.replace("Order", "proj.models.Order", 1), is_model)


DOING = {
    "network repeatable": """
        requests.get requests.Session().get requests.sessions.Session().delete requests.api.put httpx.get
        httpx.Client().put httpx.AsyncClient().head aiohttp.ClientSession().get
        requests_oauthlib.OAuth2Session().get
    """,
    "network post": """
        requests.post requests.Session().patch httpx.post httpx.AsyncClient().post
        aiohttp.ClientSession().post stripe.Customer.create stripe.StripeClient().customers.create
        stripe.StripeClient().v1.customers.create boto3.client().send_message
        slack_sdk.WebClient().files_upload_v2
    """,
    "network": """
        requests.request requests.Session().request requests.Session().send httpx.stream
        urllib.request.urlopen urllib.request.build_opener().open urllib3.PoolManager().request
        urllib3.request http.client.HTTPSConnection().request http.client.HTTPConnection().getresponse
        socket.create_connection socket.socket().connect socket.gethostbyname smtplib.SMTP smtplib.SMTP_SSL
        smtplib.SMTP().login imaplib.IMAP4_SSL imaplib.IMAP4().search ftplib.FTP ftplib.FTP().retrbinary
        paramiko.SSHClient().connect paramiko.SSHClient().open_sftp().put xmlrpc.client.ServerProxy().add
        xmlrpc.client.ServerProxy().system.listMethods zeep.Client zeep.Client().service.GetQuote
        suds.client.Client().service.Pay boto3.client().get_object boto3.Session().client().head_bucket
        boto3.resource().Table().put_item google.cloud.storage.Client().get_bucket
        google.cloud.storage.Client().bucket().blob().upload_from_string
        google.cloud.bigquery.Client().query google.cloud.firestore.Client().collection().document().set
        azure.storage.blob.BlobClient().upload_blob
        azure.storage.blob.BlobServiceClient.from_connection_string().get_blob_client().upload_blob
        proj.rpc.shop_pb2_grpc.ShopStub().Buy shop_pb2_grpc.ShopStub().Buy
        openai.OpenAI().chat.completions.create openai.ChatCompletion.create
        anthropic.Anthropic().messages.create elasticsearch.Elasticsearch().search
        opensearchpy.OpenSearch().indices.create elasticsearch.helpers.bulk stripe.Charge.retrieve
        stripe.StripeClient().charges.list twilio.rest.Client().messages.list ldap3.Connection().search
        hvac.Client().secrets.kv.v2.read_secret_version github.Github().get_repo
    """,
    "network send": """
        django.core.mail.send_mail django.core.mail.send_mass_mail django.core.mail.mail_admins
        django.core.mail.EmailMessage().send django.core.mail.EmailMultiAlternatives().send
        Order.objects.get().user.email_user ?user.email_user proj.models.User().email_user
        django.contrib.auth.get_user_model().objects.get().email_user smtplib.SMTP().sendmail
        smtplib.SMTP_SSL().send_message flask_mail.Mail().send sendgrid.SendGridAPIClient().send
        sendgrid.SendGridAPIClient().client.mail.send.post stripe.PaymentIntent.confirm stripe.Invoice.pay
        stripe.StripeClient().payment_intents.capture braintree.Transaction.sale
        braintree.BraintreeGateway().transaction.sale
    """,
    "network post send": """
        stripe.Charge.create stripe.PaymentIntent.create stripe.Refund.create
        stripe.StripeClient().charges.create twilio.rest.Client().messages.create
        slack_sdk.WebClient().chat_postMessage slack_sdk.webhook.WebhookClient().send
        boto3.client().send_email boto3.client().publish
    """,
    "send": "post_office.mail.send templated_email.send_templated_mail",
    "write doubling": """
        Order.objects.create Order.published.create Order._default_manager.create Order.objects.acreate
        Order.objects.get().items.create Order.objects.using().create Order.objects.filter()[].items.create
        Order().items.create Order.objects.bulk_create ?rows.bulk_create Order.objects.abulk_create
        Order.objects.get_or_create()[].items.create pymongo.MongoClient().shop.orders.insert_one
        pymongo.MongoClient()[][].insert_many
    """,
    "write doubling_if_new": "Order().save Order().asave Order.Line().save",
    "write": """
        Order.objects.get().save Order.objects.aget().asave Order.objects.filter()[].save
        Order.objects.filter().first().save Order.objects.all().iterator()[].save
        Order.objects.get_or_create()[].save Order.objects.select_for_update().get().save
        Order.objects.get().customer.save Order.objects.pending()[].save Order.objects.in_bulk()[].save
        django.shortcuts.get_object_or_404().save django.apps.apps.get_model().objects.get().save
        Order.query.get().save Order.objects.create_user Order.objects.create().save
        pymongo.MongoClient().shop.orders.update_one
    """,
    "write repeatable": """
        Order.objects.get_or_create Order.objects.update_or_create Order.objects.aget_or_create
        Order.published.update_or_create Order.objects.get().items.get_or_create
        Order.objects.filter().update Order.objects.update Order.objects.filter().exclude().delete
        Order.objects.pending().update Order.objects.filter().aupdate Order.objects.get().items.all().delete
        Order.objects.get().delete Order.objects.filter()[].delete Order().delete Order.objects.bulk_update
        ?rows.bulk_update Order.objects.get().tags.add Order.objects.get().tags.set
    """,
    "write repeatable pending": """
        sqlalchemy.orm.Session().merge sqlalchemy.orm.Session().delete
        sqlalchemy.orm.Session().query().filter().update
        flask_sqlalchemy.SQLAlchemy().session.query().delete Order.query.filter_by().delete
    """,
    "write doubling_if_new pending": """
        sqlalchemy.orm.Session().add sqlalchemy.orm.sessionmaker()().add_all
        sqlalchemy.orm.scoped_session().add sqlalchemy.orm.scoped_session()().add
        sqlalchemy.orm.sessionmaker().begin().add flask_sqlalchemy.SQLAlchemy().session.add
        sqlalchemy.ext.asyncio.AsyncSession().add sqlmodel.Session().add
    """,
    "commit": """
        sqlalchemy.orm.Session().commit flask_sqlalchemy.SQLAlchemy().session.commit
        django.db.transaction.commit sqlite3.connect().commit
    """,
    "sql": """
        sqlalchemy.orm.Session().execute django.db.connection.cursor().execute Order.objects.raw
        psycopg.connect().cursor().executemany sqlite3.connect().execute
        sqlalchemy.create_engine().connect().execute
    """,
    "atomic": """
        django.db.transaction.atomic sqlalchemy.orm.Session().begin
        flask_sqlalchemy.SQLAlchemy().session.begin_nested sqlalchemy.orm.sessionmaker().begin
        sqlalchemy.create_engine().begin
    """,
    "after_commit": "django.db.transaction.on_commit",
    "lock": """
        Order.objects.select_for_update Order.objects.filter().select_for_update ?rows.select_for_update
        sqlalchemy.orm.Session().query().with_for_update django.core.cache.cache.lock
        django.core.cache.cache.add django.core.cache.caches[].add redis.Redis().lock redis.from_url().lock
        pottery.Redlock filelock.FileLock django_pglocks.advisory_lock celery_once.QueueOnce
        celery_singleton.Singleton
    """,
    "sleep": "time.sleep gevent.sleep eventlet.sleep",
    "exit": "sys.exit os._exit os.abort builtins.exit builtins.quit",
    "debugger": """
        pdb.set_trace ipdb.set_trace pudb.set_trace builtins.breakpoint celery.contrib.rdb.set_trace
        IPython.embed
    """,
    "process": """
        multiprocessing.Process multiprocessing.Pool multiprocessing.Manager multiprocessing.pool.Pool
        multiprocessing.get_context().Process concurrent.futures.ProcessPoolExecutor
    """,
    "logs": """
        logging.exception logging.getLogger().exception celery.utils.log.get_task_logger().exception
        structlog.get_logger().exception loguru.logger.exception ?logger.exception proj.log.audit.exception
        traceback.print_exc
    """,
    "logs_with_exc_info": """
        logging.error logging.getLogger().warning celery.utils.log.get_task_logger().info
        structlog.get_logger().bind().error
    """,
    "error_tracker": """
        sentry_sdk.capture_exception sentry_sdk.capture_message rollbar.report_exc_info
        newrelic.agent.notice_error bugsnag.notify elasticapm.Client().capture_exception
    """,
}

NOTHING = {
    "HTTP": """
        requests requests.Request requests.Session requests.session requests.get().json
        requests.get().raise_for_status requests.get().iter_content requests.exceptions.HTTPError
        requests.Session().mount requests.Session().close requests.Session().headers.update
        requests.Session().prepare_request requests.adapters.HTTPAdapter requests.utils.quote
        requests.auth.HTTPBasicAuth requests.codes.get requests.Session().cookies.get
        requests.get().headers.get requests.get().json().get requests.compat.urljoin my.requests.get
        proj.requests.post httpx.Client httpx.AsyncClient httpx.Timeout httpx.URL httpx.get().json
        httpx.Client().headers.update httpx.Limits aiohttp.ClientSession aiohttp.ClientTimeout
        aiohttp.ClientSession().close aiohttp.ClientSession().get().json urllib.request.Request
        urllib.parse.urlparse urllib.parse.urlencode urllib.request.build_opener
        urllib.request.urlopen().read urllib.error.HTTPError urllib3.PoolManager urllib3.Timeout
        urllib3.util.Retry http.client.HTTPConnection http.client.HTTPSConnection http.HTTPStatus
        http.cookies.SimpleCookie
    """,
    "sockets and mail": """
        socket.socket socket.gethostname socket.setdefaulttimeout socket.inet_aton
        socket.socket().settimeout socket.socket().close socket.socketpair email.message.EmailMessage
        email.message.EmailMessage().set_content email.mime.text.MIMEText smtplib.SMTPException
        smtplib.SMTP().set_debuglevel imaplib.IMAP4.error django.core.mail.EmailMessage
        django.core.mail.EmailMultiAlternatives django.core.mail.EmailMultiAlternatives().attach_alternative
        django.core.mail.get_connection django.core.mail.EmailMessage().message
        django.template.loader.render_to_string
    """,
    "remote servers and services": """
        paramiko.SSHClient paramiko.SSHClient().set_missing_host_key_policy paramiko.RSAKey.from_private_key
        xmlrpc.client.ServerProxy xmlrpc.client.dumps xmlrpc.client.Fault zeep.Transport
        zeep.Client().get_type boto3.client boto3.resource boto3.Session boto3.resource().Table
        boto3.client().exceptions.ClientError boto3.client().meta.region_name.upper botocore.config.Config
        boto3.dynamodb.conditions.Key boto3.dynamodb.types.TypeSerializer().serialize
        google.cloud.storage.Client google.cloud.exceptions.NotFound
        google.cloud.storage.Client().bucket().blob().name.split azure.storage.blob.BlobServiceClient
        azure.core.exceptions.ResourceNotFoundError azure.identity.DefaultAzureCredential
        grpc.insecure_channel proj.rpc.shop_pb2.Order proj.rpc.shop_pb2_grpc.ShopStub
        stripe.Webhook.construct_event stripe.error.CardError stripe.StripeClient
        stripe.convert_to_stripe_object twilio.rest.Client twilio.base.exceptions.TwilioRestException
        twilio.twiml.voice_response.VoiceResponse slack_sdk.WebClient slack_sdk.errors.SlackApiError
        slack_sdk.models.blocks.SectionBlock sendgrid.helpers.mail.Mail openai.OpenAI openai.RateLimitError
        openai.OpenAI().chat.completions.create().choices[].message.content.strip anthropic.Anthropic
        elasticsearch.Elasticsearch elasticsearch.NotFoundError elasticsearch.helpers.errors.BulkIndexError
        ldap3.Server ldap3.Connection ldap3.utils.conv.escape_filter_chars
    """,
    "caches, brokers and processes": """
        redis.Redis redis.Redis().get redis.Redis().set redis.Redis().publish redis.Redis().delete
        redis.from_url django.core.cache.cache.get django.core.cache.cache.set
        django.core.cache.cache.delete django.core.cache.caches[].get subprocess.run subprocess.Popen
        subprocess.check_output os.system asyncio.sleep asyncio.run asyncio.create_subprocess_exec
        threading.Event().wait threading.Thread
    """,
    "what nobody told more about": """
        builtins.dict().get builtins.dict().update builtins.set().add builtins.list().append builtins.open
        builtins.open().write builtins.print ?data.get ?data.update ?order.save ?order.delete ?client.post
        ?session.add ?session.commit ?response.json ?items.create
    """,
    "tasks and the project's own functions": """
        <task>.retry <task>.update_state <task>.request.get celery.group celery.chain proj.tasks.pay.delay
        proj.tasks.pay.apply_async kombu.Producer().publish proj.services.create proj.services.create_order
        proj.services.save proj.models.create proj.forms.OrderForm().save proj.models.OrderForm().save
        proj.models.Unknown.objects.create proj.models.Orders.objects.create
    """,
    "models": """
        Order Order.create Order.save Order.delete Order.from_payload().save Order.Status.choices.update
        Order._meta.get_field Order.DoesNotExist Order.REGISTRY.update Order.registry.update
        Order.counts.update Order.objects Order.objects.get Order.objects.filter Order.objects.all
        Order.objects.exists Order.objects.count Order.objects.first Order.objects.aggregate
        Order.objects.filter().values_list Order.objects.in_bulk Order.objects.filter().values()[].update
        Order.objects.values_list()[].save Order.objects.count().save Order.objects.get().data.update
        Order.objects.get().data.get Order.objects.get().data.clear Order.objects.get().data.pop
        Order.objects.get().refresh_from_db Order.objects.get().full_clean
        Order.objects.get().get_absolute_url Order.objects.get().pk.save
        Order.objects.get().customer_id.save Order.objects.get().build_invoice().save
        Order.objects.get().lines.count Order.objects.get().items.filter Order.objects.get().name.upper
        Order().clean Order().refresh_from_db Order.query.get Order.query.filter_by().first
        Order.query.filter().count
    """,
    "databases": """
        sqlalchemy.orm.Session sqlalchemy.orm.sessionmaker sqlalchemy.orm.Session().query
        sqlalchemy.orm.Session().get sqlalchemy.orm.Session().rollback sqlalchemy.orm.Session().close
        sqlalchemy.orm.Session().refresh sqlalchemy.orm.Session().query().filter().all sqlalchemy.select
        sqlalchemy.update sqlalchemy.insert sqlalchemy.create_engine flask_sqlalchemy.SQLAlchemy
        flask.session.update requests.Session().add pymongo.MongoClient
        pymongo.MongoClient().shop.orders.find pymongo.InsertOne django.db.transaction.set_autocommit
        django.db.transaction.get_connection django.db.connection.cursor django.db.transaction.rollback
        sqlite3.connect sqlite3.connect().rollback
    """,
    "other transactions, locks and ways to end": """
        atomic proj.db.atomic proj.db.on_commit shutil.rmtree os.replace threading.Lock multiprocessing.Lock
        time.time time.monotonic sleep proj.time.sleep os.getpid os.kill sys.exc_info sys.exit.real
        builtins.exec atexit.register celery.contrib.rdb.Rdb pdb.Pdb logging.getLogger proj.pdb.trace
        traceback.extract_stack
    """,
    "processes and logs": """
        multiprocessing.Queue multiprocessing.cpu_count multiprocessing.pool.ThreadPool
        multiprocessing.dummy.Pool concurrent.futures.ThreadPoolExecutor concurrent.futures.as_completed
        billiard.Process billiard.Pool logging.getLogger().setLevel logging.basicConfig structlog.configure
        ?logger.error ?messages.error django.contrib.messages.error sentry_sdk.init sentry_sdk.set_tag
        sentry_sdk.configure_scope rollbar.init newrelic.agent.background_task bugsnag.configure
        elasticapm.Client
    """,
    "known to do nothing": """
        boto3.client().generate_presigned_url boto3.client().get_paginator boto3.resource().Bucket().Object
        google.cloud.storage.Client().bucket google.cloud.pubsub_v1.PublisherClient().topic_path
        azure.storage.blob.BlobServiceClient().get_blob_client openai.OpenAI().with_options
    """,
}


@pytest.mark.parametrize(
    ("chain", "expected"),
    [(chain, set(words.split())) for words, text in DOING.items() for chain in text.split()],
)
def test_what_a_call_does(chain, expected):
    assert kinds(chain) == expected


LOOK_ALIKES = [chain for text in NOTHING.values() for chain in text.split()]
CALLED = [chain for text in DOING.values() for chain in text.split()]

ANYWHERE = (
    "bulk_create",
    "bulk_update",
    "select_for_update",
    "with_for_update",
    "email_user",
    "exception",
    "Buy",
)
"""Names that say enough wherever they stand."""

ANY_METHOD = (
    "boto3.",
    "slack_sdk.",
    "google.",
    "azure.",
    "elasticsearch.",
    "opensearchpy.",
    "zeep.",
    "suds.",
)
ANY_METHOD += ("xmlrpc.", "github.", "proj.rpc.", "shop_pb2_grpc.")
"""Libraries all of whose methods are calls to another machine."""


@pytest.mark.parametrize("chain", LOOK_ALIKES)
def test_what_looks_alike_does_nothing(chain):
    assert kinds(chain) <= {"nothing"}


@pytest.mark.parametrize("chain", [chain for chain in CALLED if not chain.endswith(ANYWHERE)])
def test_the_same_name_elsewhere_does_nothing(chain):
    assert kinds(f"elsewhere.{chain}") == set()
    assert kinds(f"?it.{chain.rpartition('.')[2]}") == set()


@pytest.mark.parametrize("chain", [chain for chain in CALLED if not chain.startswith(ANY_METHOD)])
def test_a_longer_name_does_nothing(chain):
    assert kinds(f"{chain}_unlike") == set()


def test_no_look_alike_stands_twice():
    assert len(set(LOOK_ALIKES)) == len(LOOK_ALIKES)


VALUES = {
    "a model instance": """
        Order() Order.objects.get() Order.objects.aget() Order.objects.create() Order.objects.filter()[]
        Order.objects.filter().first() Order.objects.get_or_create()[] Order.objects.get().items.first()
        Order.objects.get().items.all()[] Order.query.get() sqlalchemy.orm.Session().get()
        django.shortcuts.get_object_or_404() ?request.user ?self.request.user proj.views.Pay().request.user
        django.contrib.auth.get_user_model()() django.contrib.auth.get_user_model().objects.get()
        Order.objects.pending().first()
    """,
    "a queryset": """
        Order.objects.all() Order.objects.filter() Order.objects.filter().exclude().order_by()
        Order.published.all() Order.objects.values_list() Order.objects.values()
        Order.objects.get().items.all() Order.objects.pending().filter()
    """,
    "model instances": "Order.objects.in_bulk() Order.objects.bulk_create() Order.query.all()",
    "a query": "Order.query.filter_by() sqlalchemy.orm.Session().query()",
    "a database session": "sqlalchemy.orm.Session() flask_sqlalchemy.SQLAlchemy().session",
    "an open file": "builtins.open() tempfile.NamedTemporaryFile() io.BytesIO() pathlib.Path().open()",
    "a set": "builtins.set() builtins.frozenset()",
    "an iterator": "builtins.map() builtins.zip()",
    "an exception": "builtins.ValueError() builtins.Exception()",
    "an HTTP request": "flask.request django.http.HttpRequest() rest_framework.request.Request()",
    "an HTTP response": "requests.get() requests.Session().post() httpx.get()",
    "an uploaded file": "?request.FILES[] flask.request.files[]",
    "a path": "pathlib.Path()",
    "a timedelta": "datetime.timedelta()",
    "a lock": "threading.Lock()",
    "a database connection": "sqlite3.connect() psycopg2.connect()",
}

CARRIED = """
    Order Order.objects Order.objects.get Order.objects.filter Order.objects.get().pk Order.objects.get().id
    Order.objects.get().customer_id Order.objects.get().name Order.objects.get().get_status_display()
    Order.objects.get().total() Order.objects.get().customer Order.objects.get().data.get()
    Order.objects.get().data[] Order.objects.count() Order.objects.exists() Order.objects.aggregate()
    Order.objects.aggregate()[] Order.objects.filter().update() Order.objects.filter().delete()
    Order.objects.values_list()[] Order.objects.values()[] Order.objects.values()[][] Order.objects.acount()
    Order.objects.total() Order.objects.pending() Order.objects.pending()[] Order.published
    Order.published.count() Order.Status.PAID Order.Status() Order._meta Order.from_payload()
    Order.query.count() proj.models.Unknown() proj.models.Unknown.objects.get() proj.services.get()
    proj.dto.Order() sqlalchemy.orm.Session().execute() sqlalchemy.orm.Session().scalar()
    sqlalchemy.orm.Session().query().count() ?request ?request.user.id ?request.user.pk ?request.data
    ?request.POST ?request.GET[] ?request.FILES ?user <task>.request.user <task>.request.id <task> ?order
    ?order.pk ?order_ids[] builtins.list() builtins.dict() builtins.sorted() builtins.tuple() builtins.str()
    builtins.int() builtins.len() builtins.open builtins.open().read() builtins.set builtins.bytes()
    builtins.set().pop() datetime.datetime.now() datetime.date.today() datetime.timedelta
    datetime.timedelta().total_seconds() decimal.Decimal() uuid.uuid4() uuid.UUID()
    collections.OrderedDict() collections.Counter() collections.defaultdict() json.loads() json.dumps()
    pathlib.Path().name pathlib.Path().read_text() os.path.join() requests.get().json()
    requests.get().status_code requests.get().text requests.get threading.Lock re.match().group()
    io.BytesIO().getvalue() tempfile.mkdtemp() pandas.DataFrame().to_dict() numpy.array().tolist()
    flask.request.json flask.request.form[] django.shortcuts.get_object_or_404().pk
    django.contrib.auth.get_user_model()
"""


@pytest.mark.parametrize(
    ("chain", "expected"), [(chain, words) for words, text in VALUES.items() for chain in text.split()]
)
def test_what_a_value_is_that_json_does_not_carry(chain, expected):
    assert result(chain) == expected


@pytest.mark.parametrize("chain", CARRIED.split())
def test_what_json_carries_or_nobody_can_tell_has_no_name(chain):
    assert result(chain) is None


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ("requests.get", Timeout("timeout")),
        ("requests.Session().post", Timeout("timeout")),
        ("requests.Session().request", Timeout("timeout", 8)),
        ("urllib.request.urlopen", Timeout("timeout", 2)),
        ("socket.create_connection", Timeout("timeout", 1)),
        ("smtplib.SMTP", Timeout("timeout", 3)),
        ("smtplib.SMTP_SSL", Timeout("timeout", 5)),
        ("ftplib.FTP", Timeout("timeout", 4)),
        ("paramiko.SSHClient().connect", Timeout("timeout", 6)),
        ("http.client.HTTPSConnection", Timeout("timeout", 4)),
    ],
)
def test_calls_that_wait_for_ever(chain, expected):
    assert SHIPPED.timeout(chain) == expected


@pytest.mark.parametrize(
    "chain",
    """
    httpx.get httpx.Client().post aiohttp.ClientSession().get boto3.client().get_object stripe.Charge.create
    slack_sdk.WebClient().chat_postMessage openai.OpenAI().chat.completions.create zeep.Client
    urllib3.request urllib3.PoolManager().request elasticsearch.Elasticsearch().search requests.Session
    requests.Request requests.get().json requests.Session().mount smtplib.SMTP().sendmail socket.socket
    socket.gethostbyname django.core.mail.send_mail twilio.rest.Client().messages.create
    xmlrpc.client.ServerProxy ?session.get proj.http.get dict.get paramiko.SSHClient
    """.split(),  # noqa: SIM905  # a table
)
def test_calls_with_a_timeout_of_their_own_or_none_to_give(chain):
    assert SHIPPED.timeout(chain) is None


class TestAProjectsOwn:
    """Names that a checklist gives."""

    LIBRARIES = SHIPPED.extended(
        {
            "network": ["proj.http.call", "proj.clients.*", "proj.bank.Client().*", "proj.deep.**"],
            "atomic": ["proj.db.traced_atomic"],
            "write": ["**.archive"],
            "nothing": ["proj.clients.url", "stripe.Charge.create"],
            "queryset": ["proj.queries.open_orders"],
            "model_class": ["proj.models.get_order_model"],
            "session": ["proj.db.session_scope"],
            "file": ["proj.files.*"],
        }
    )

    @pytest.mark.parametrize(
        ("chain", "expected"),
        [
            ("proj.http.call", {"network"}),
            ("proj.clients.pay", {"network"}),
            ("proj.bank.Client().pay", {"network"}),
            ("proj.deep.a.b().c", {"network"}),
            ("proj.deep.a", {"network"}),
            ("proj.db.traced_atomic", {"atomic"}),
            ("proj.services.archive", {"write"}),
            ("?order.archive", {"write"}),
            ("proj.clients.url", {"nothing"}),
            ("stripe.Charge.create", {"nothing"}),
            ("proj.queries.open_orders().update", {"write", "repeatable"}),
            ("proj.queries.open_orders()[].save", {"write"}),
            ("proj.models.get_order_model().objects.create", {"write", "doubling"}),
            ("proj.db.session_scope().add", {"write", "pending", "doubling_if_new"}),
            ("requests.post", {"network", "post"}),
            ("proj.http.call_later", set()),
            ("proj.http", set()),
            ("other.proj.http.call", set()),
            ("proj.clients.bank.pay", set()),
            ("proj.clients", set()),
            ("proj.bank.Client", set()),
            ("proj.bank.Client().session.close", set()),
            ("proj.deeper.a", set()),
            ("proj.db.traced_atomic().real", set()),
            ("archived", set()),
            ("proj.queries.open_orders", set()),
            ("proj.queries.open_orders.update", set()),
        ],
    )
    def test_what_a_call_does(self, chain, expected):
        assert kinds(chain, self.LIBRARIES) == expected

    def test_what_a_value_is(self):
        assert result("proj.queries.open_orders()", self.LIBRARIES) == "a queryset"
        assert result("proj.files.export()", self.LIBRARIES) == "an open file"
        assert result("proj.files.export", self.LIBRARIES) is None
        assert result("proj.queries.open_orders().count()", self.LIBRARIES) is None

    def test_the_shipped_knowledge_is_left_as_it_is(self):
        assert kinds("proj.http.call") == set()
        assert kinds("stripe.Charge.create") == {"network", "post", "send"}

    def test_extended_twice_knows_both(self):
        both = self.LIBRARIES.extended({"network": ["a.b"]})
        assert kinds("a.b", both) == kinds("proj.http.call", both) == {"network"}


def test_few_patterns_are_tried_and_no_chain_is_read_twice():
    asked: list[str] = []

    def counted(name: str) -> bool:
        asked.append(name)
        return False

    for _ in range(3):
        assert SHIPPED.kinds("proj.services.pay", counted) == frozenset()
    assert asked == [], "a model is asked for only where the method is one that matters"
    own = SHIPPED.extended({})
    for _ in range(3):
        own.kinds("requests.get", counted)
    assert own._named.cache_info().misses == 1


class TestTheTable:
    def test_every_kind_is_described_and_filled(self):
        assert tuple(DESCRIPTIONS) == KINDS
        assert all(text.endswith(".") and text[0].isupper() for text in DESCRIPTIONS.values())
        assert set(CALLS) | {"queryset"} == set(KINDS)
        assert set(GIVING) <= set(KINDS)

    def test_every_pattern_is_well_formed(self):
        for patterns in SHIPPED.patterns.values():
            for pattern in patterns:
                role = re.match(r"\{(\w+)\}\.\w+$", pattern)
                assert role[1] in ROLES if role else re.search(PATTERN, pattern.removesuffix("()")), pattern

    def test_no_pattern_stands_twice_under_a_kind(self):
        for kind, patterns in SHIPPED.patterns.items():
            assert len(patterns) == len(set(patterns)), kind

    def test_what_waits_for_ever_is_known_to_wait(self):
        connections = {"http.client.HTTPConnection", "http.client.HTTPSConnection", "httplib2.Http"}
        for rows in TIMEOUTS.values():
            for owners, names in rows:
                for chain in (f"{owner}.{name}" for owner in owners.split() for name in names.split()):
                    assert chain in connections or "network" in kinds(chain), chain
