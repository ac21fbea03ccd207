// Jetty with a servlet for /admin, one for /api/admin and one for the rest: java Jetty.java PORT
import java.io.IOException;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.http.HttpCompliance;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

class Main {
    public static void main(String[] arguments) throws Exception {
        var server = new Server();
        var http = new HttpConnectionFactory();
        http.setHttpCompliance(HttpCompliance.LEGACY);
        var connector = new ServerConnector(server, http);
        connector.setHost("127.0.0.1");
        connector.setPort(Integer.parseInt(arguments[0]));
        server.addConnector(connector);
        var context = new ServletContextHandler();
        context.addServlet(new ServletHolder("admin", new FixedText("ADMIN")), "/admin/*");
        context.addServlet(new ServletHolder("nested", new FixedText("ADMIN")), "/api/admin/*");
        context.addServlet(new ServletHolder("rest", new FixedText("PUBLIC")), "/*");
        server.setHandler(context);
        server.start();
        server.join();
    }
}

class FixedText extends HttpServlet {
    private final String text;

    FixedText(String text) {
        this.text = text;
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        response.getWriter().println(text);
    }
}
